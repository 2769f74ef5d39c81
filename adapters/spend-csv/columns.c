/* SPDX-License-Identifier: Apache-2.0 */
/* columns: the headings that councils write, by what they mean. There is no enforced standard: the
 * first alias of most is the one that the Local Government Association's guidance suggests, the
 * others are what is found in published files. */
#include "spend.h"

const struct meaning spend_meaning[TARGETS] = {
    [BODY] = {"body", "Body Name",
              "bodyname organisationname organisation organisationlabel organization council "
              "councilname authorityname authority localauthority localauthorityname publicbody "
              "publicbodyname reportingbody entity publishername publisher client body"},
    [BODY_CODE] = {"bodyCode", "Body Code",
                   "bodycode organisationcode organisationbodycode organisationbodycodeuri "
                   "organisationcodeuri bodycodeuri organisationuri bodyuri bodyid organisationid "
                   "organisationidentifier authoritycode councilcode publisheruri onscode gsscode"},
    [DEPARTMENT] = {"department", "Department",
                    "department organisationalunit organisationunit departmentname servicearea "
                    "directorate directoratename service servicename servicelabel serviceareaname "
                    "servicedivision division divisionname section businessunit businessarea "
                    "portfolio costcentrename costcentredescription costcentre team"},
    [DATE] = {"date", "Payment Date",
              "paymentdate transactiondate transactionpaymentdate dateofpayment paiddate datepaid "
              "paydate dateoftransaction paymentdatetime effectivedate posteddate postingdate "
              "dateposted cleareddate clearingdate chequedate bacsdate date transdate "
              "accountingdate invoicedate invoicepaiddate dateofinvoice"},
    [NUMBER] = {"number", "Transaction Number",
                "transactionnumber transactionno transnumber transno transactionid "
                "transactionreference transactionref transactionpaymentnumber transref "
                "paymentnumber paymentno paymentreference paymentref voucherno vouchernumber "
                "documentnumber documentno docno uniquereference uniquereferencenumber uniqueid "
                "referencenumber referenceno refno reference ref invoicenumber invoiceno "
                "invoicereference invoiceref chequenumber chequeno number"},
    [LINE] = {"line", "Transaction Line",
              "transactionline transactionlinenumber linenumber lineno line distributionline "
              "distributionlinenumber invoiceline"},
    [NET] = {"net", "Net Amount",
             "netamount amountnet netvalue netamountgbp amountexcludingvat amountexclvat "
             "amountexcvat amountexvat amountexclusiveofvat amountnetofvat netpaid nettotal "
             "totalnet net nettamount valuenet valueexcludingvat valueexclvat valueexcvat "
             "netpayment netspend netcost netexpenditure paymentamountexcvat "
             "paymentamountexcludingvat totalexcvat totalexcludingvat"},
    [AMOUNT] =
        {NULL, "Amount",
         "amount amountgbp amountpaid paymentamount paidamount transactionamount value "
         "valuegbp paymentvalue transactionvalue amountinsterling amountpounds "
         "expenditureamount spendamount lineamount linevalue invoiceamount invoicevalue "
         "distributionamount invoicelineamount spend expenditure totalamount totalpaid total "
         "payment paid cost sum"},
    [GROSS] = {"gross", "Gross Amount",
               "grossamount amountgross grossvalue amountincludingvat amountinclvat amountincvat "
               "amountinclusiveofvat grosspaid grosstotal totalgross gross valuegross "
               "valueincludingvat valueinclvat valueincvat grosspayment grosscost"},
    [CURRENCY] = {"currency", "Currency", "currency currencycode"},
    [VAT] = {"vat", "Irrecoverable VAT",
             "irrecoverablevat irrecoverablevatamount vatirrecoverable nonrecoverablevat "
             "unrecoverablevat unrecoveredvat irrecvat vatthatcannotberecovered vatnotrecovered "
             "vatnotrecoverable"},
    [SUPPLIER] = {"supplier", "Supplier Name",
                  "suppliername beneficiaryname supplierbeneficiaryname supplierbeneficiary "
                  "beneficiary supplier suppliers nameofsupplier suppliernameredacted "
                  "redactedsuppliername merchantname merchant vendorname vendor payeename payee "
                  "creditorname creditor recipientname recipient companyname paidto paymentto "
                  "supplierdescription suppliersname"},
    [SUPPLIER_ID] =
        {"supplierId", "Supplier ID",
         "supplierid suppliernumber supplierno suppliercode supplierref "
         "supplierreference supplieridentifier vendorid vendornumber vendorno vendorcode "
         "creditorid creditornumber creditorno creditorcode payeeid merchantid "
         "suppliersid beneficiaryid"},
    [CATEGORY] = {"category", "Expenditure Category",
                  "expenditurecategory procurementcategory expenditureprocurementcategory "
                  "merchantcategory procurementmerchantcategory merchantcategoryprocurement "
                  "servicecategorylabel category expensecategory spendcategory proclasscategory "
                  "procurementclassification proclass proclassdescription expenditureunit "
                  "expensetype expensearea expensetypedescription expensedescription "
                  "categorydescription subjectivedescription subjective subjectivegroup "
                  "subjectivename accountdescription accountname account nominaldescription "
                  "ledgerdescription"},
    [CODE] = {"code", "Expenditure Code",
              "expenditurecode expensecode cipfacode sercopcode cipfasercopcode "
              "cipfasercoporexpensecode cipfaorsercopcode cipfaorsercoporexpensecode "
              "categorycode proclasscode servicecategoryuri nominalcode accountcode subjectivecode "
              "ledgercode glcode costcentrecode expensetypecode"},
    [PURPOSE] = {"purpose", "Purpose",
                 "purpose purposeofexpenditure purposenarrative narrative purposeofspend "
                 "summaryofpurpose purposesummary summaryofthepurposeoftheexpenditure "
                 "summaryofpurposeofexpenditure expenditurepurpose purposedescription "
                 "transactiondescription paymentdescription description descriptionofgoods "
                 "descriptionofgoodsandservices expendituredescription itemdescription "
                 "invoicedescription linedescription details detail summary"},
    [KIND] = {"kind", "Capital or Revenue",
              "capitalorrevenue capitalrevenue revenuecapital revenueorcapital caporrev caprev "
              "capitalrevenueindicator typeofexpenditure expendituretype typeofspend type"},
    [CARD] = {"card", "Card Transaction",
              "cardtransaction purchasecard purchasecardtransaction purchasingcard "
              "procurementcard procurementcardtransaction governmentprocurementcard paymentcard "
              "corporatecard creditcard pcard card"},
    [CONTRACT] = {"contract", "Contract ID",
                  "contractid contractreference contractref contractnumber contractno "
                  "contractidentifier contracttitle contract"},
    [GRANT] = {"grant", "Grant", "grant isgrant grantpayment grantflag grantyesno grantind"},
    [VCSE] = {"vcse", "VCSE",
              "vcse vcseflag vcseindicator isvcse vcs vcsflag voluntarysector "
              "voluntarycommunityandsocialenterprise"},
};
